import { itemList } from './itemList.js'

const LISTED = 20
const RING_MS = 1200
const WORDS = {
  connecting: 'connecting …',
  connected: 'connected',
  reconnecting: 'away, coming back …',
  refused: 'refused',
  ended: 'ended',
}

/** One "tab": its own connection, as a real one has; nothing is shared with the others. */
export function openTab(element, { user, title, event, say }) {
  const part = (name) => element.querySelector(`.${name}`)
  element.dataset.user = user
  element.setAttribute('aria-label', `${title}, user ${user}`)
  part('title').textContent = title
  part('user').textContent = `User ${user}`
  document.querySelector('#tabs').append(element)

  const notifications = heraldo.connect('/', { event, auth: () => tokenFor(user), storage: storageOf(title) })
  const { inbox } = notifications
  const mark = (op, what) => inbox.mark(op, what).catch(({ message }) => say(`${title}: not marked, ${message}`, true))
  const list = itemList(part('list'), LISTED, ({ id, read }) => mark(read ? 'unread' : 'read', { ids: [id] }))
  const ring = bell(element)

  notifications.on('state', (state, reason) => {
    element.dataset.state = state
    const isUnplugged = reason?.code === 'closed'
    const why = reason === undefined ? '' : ` (${reason.code})`
    part('state').textContent = isUnplugged ? 'unplugged' : WORDS[state] + why
    part('plug').textContent = isUnplugged ? 'Plug in' : 'Pull the plug'
    part('all').disabled = state !== 'connected' || inbox.counts?.unread === 0
  })
  notifications.on('counts', ({ unread }) => {
    part('badge').textContent = unread > 99 ? '99+' : unread
    part('bell').setAttribute('aria-label', `Bell of ${title}: ${unread} unread`)
    part('all').disabled = unread === 0
    element.classList.toggle('unread', unread > 0)
  })
  notifications.on('stale', async () => {
    try {
      list.replace((await inbox.list({ limit: LISTED })).items)
    } catch ({ code, message }) {
      // Without a network it is stale again as soon as there is one.
      if (code !== 'network') say(`${title}: not listed, ${message}`, true)
    }
  })
  notifications.on('change', list.change)
  notifications.on('notification', (body, meta) => {
    if (meta.type.startsWith('clock')) {
      part('tick').textContent = `“${body.text}”, says the clock`
      return
    }
    list.add({ ...meta, body })
    if (!meta.read) ring()
  })
  part('all').addEventListener('click', () => void mark('read', { upTo: inbox.position }))
  part('plug').addEventListener('click', () => {
    if (notifications.reason?.code === 'closed') notifications.connect()
    else notifications.close()
  })
}

function bell(element) {
  let stopRinging
  return () => {
    clearTimeout(stopRinging)
    element.classList.remove('ringing')
    // Asking for a measure makes the browser see that the class was gone, so that the bell swings anew.
    void element.offsetWidth
    element.classList.add('ringing')
    stopRinging = setTimeout(() => element.classList.remove('ringing'), RING_MS)
  }
}

const tokenFor = (user) => fetch(`/dev/token?user=${encodeURIComponent(user)}`).then((response) => response.json())

/** Real tabs need none of it: each has a `sessionStorage` of its own. */
const storageOf = (title) => ({
  getItem: (key) => sessionStorage.getItem(`${title}: ${key}`),
  setItem: (key, value) => sessionStorage.setItem(`${title}: ${key}`, value),
})
