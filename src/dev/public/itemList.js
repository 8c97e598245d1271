/** The notifications that one tab shows, newest first. `onPick` hears which kept one was clicked. */
export function itemList(list, longest, onPick) {
  const entries = new Map()

  const put = (item) => {
    const entry = entries.get(item.id) ?? entryFor(item, onPick)
    entry.item = item
    entry.show()
    entries.set(item.id, entry)
  }
  const arrange = () => {
    const sorted = [...entries.values()].sort(newestFirst)
    for (const { item } of sorted.splice(longest)) entries.delete(item.id)
    // Whoever stays where it was keeps the focus.
    for (const [n, { element }] of sorted.entries())
      if (list.children[n] !== element) list.insertBefore(element, list.children[n] ?? null)
    while (list.children.length > sorted.length) list.lastElementChild.remove()
  }

  return {
    add(item) {
      put(item)
      arrange()
    },
    /** What stands in the inbox; live ones have been heard and stand nowhere else. */
    replace(items) {
      const ids = new Set(items.map(({ id }) => id))
      for (const { item } of entries.values()) if (item.seq !== undefined && !ids.has(item.id)) entries.delete(item.id)
      for (const item of items) put(item)
      arrange()
    },
    change(changes) {
      const bySeq = new Map([...entries.values()].map((entry) => [entry.item.seq, entry]))
      for (const { seq, deleted, ...flags } of changes) {
        const { item } = bySeq.get(seq) ?? {}
        if (item === undefined) continue
        if (deleted) entries.delete(item.id)
        else put({ ...item, ...flags })
      }
      arrange()
    },
  }
}

const newestFirst = ({ item: a }, { item: b }) => b.at - a.at || (b.seq ?? 0) - (a.seq ?? 0)

function entryFor(first, onPick) {
  const element = document.createElement('li')
  const isKept = first.seq !== undefined
  const row = element.appendChild(document.createElement(isKept ? 'button' : 'div'))
  const part = (name, tag = 'span') => Object.assign(row.appendChild(document.createElement(tag)), { className: name })
  const flag = part('flag')
  part('text').textContent = textOf(first.body)
  if (!isKept) part('chip').textContent = 'live'
  const time = part('at', 'time')
  time.dateTime = new Date(first.at).toISOString()
  time.textContent = new Date(first.at).toLocaleTimeString([], { hour: 'numeric', minute: '2-digit' })
  const entry = {
    element,
    item: first,
    show() {
      const isUnread = isKept && !entry.item.read
      row.className = isUnread ? 'item new' : 'item'
      if (!isKept) return
      flag.textContent = isUnread ? 'Unread: ' : 'Read: '
      row.title = isUnread ? 'Mark read, on every device' : 'Mark unread'
    },
  }
  if (isKept) Object.assign(row, { type: 'button', onclick: () => onPick(entry.item) })
  return entry
}

/** A notification is any JSON value; ours have a text. */
const textOf = (body) => (typeof body?.text === 'string' ? body.text : JSON.stringify(body))
