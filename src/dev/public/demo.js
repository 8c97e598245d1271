// The demo page. Everything that a sender wrote is shown with textContent, never as HTML.
const TABS = [
  { user: '42', title: 'Tab 1' },
  { user: '42', title: 'Tab 2' },
  { user: '43', title: 'Tab 3' },
]
const LISTED = 4
const RING_MS = 1200
const COPIED_MS = 2000
const WORDS = {
  connecting: 'connecting …',
  connected: 'connected',
  reconnecting: 'away, coming back …',
  refused: 'refused',
  ended: 'ended',
}

const facts = await fetch('/dev/facts').then((response) => response.json())
for (const tab of TABS) openTab(tab)
showSnippets(facts.snippets)
document.querySelector('#composer').addEventListener('submit', (event) => {
  event.preventDefault()
  void send(event.submitter?.value ?? '42', document.querySelector('#text').value)
})

/** The same request that the curl line makes: whoever has the key may send. */
async function send(recipient, text) {
  const to = recipient === '*' ? 'everyone' : `user ${recipient}`
  try {
    const response = await fetch('/v1/notify', {
      method: 'POST',
      headers: { authorization: `Bearer ${facts.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ recipient, notification: { text }, keep: false }),
    })
    const reply = await response.json()
    say(reply.ok ? `Sent to ${to}.` : `Not sent: ${reply.error.message}`, !reply.ok)
  } catch {
    say('Not sent: the gateway does not answer.', true)
  }
}

function say(text, isBad = false) {
  const status = document.querySelector('#status')
  status.textContent = text
  status.classList.toggle('bad', isBad)
}

/** One "tab": its own connection, as a real one has; nothing is shared with the others. */
function openTab({ user, title }) {
  const element = copyOf('#tab-template')
  const part = (name) => element.querySelector(`.${name}`)
  element.dataset.user = user
  element.setAttribute('aria-label', `${title}, user ${user}`)
  part('title').textContent = title
  part('user').textContent = `User ${user}`
  document.querySelector('#tabs').append(element)
  let heard = 0
  let stopRinging

  const showState = (state, text) => {
    element.dataset.state = state
    part('state').textContent = text
  }
  const showCount = () => {
    part('badge').textContent = heard > 99 ? '99+' : heard
    part('bell').setAttribute('aria-label', `Bell of ${title}: ${heard} heard`)
  }
  const ring = () => {
    clearTimeout(stopRinging)
    element.classList.remove('ringing')
    // Asking for a measure makes the browser see that the class was gone, so that the bell swings anew.
    void element.offsetWidth
    element.classList.add('heard', 'ringing')
    stopRinging = setTimeout(() => element.classList.remove('ringing'), RING_MS)
  }
  showCount()

  const connection = heraldo.connect('/', { event: facts.event, auth: () => tokenFor(user) })
  connection.on('state', (state, reason) =>
    showState(state, WORDS[state] + (reason === undefined ? '' : ` (${reason.code})`)),
  )
  connection.on('notification', (body, { type, at }) => {
    if (type.startsWith('clock')) {
      part('tick').textContent = `“${textOf(body)}”, says the clock`
      return
    }
    heard++
    showCount()
    ring()
    part('list').prepend(item(body, at))
    while (part('list').children.length > LISTED) part('list').lastElementChild.remove()
  })
}

const tokenFor = (user) => fetch(`/dev/token?user=${encodeURIComponent(user)}`).then((response) => response.json())

function item(body, at) {
  const entry = document.createElement('li')
  const text = document.createElement('span')
  const time = document.createElement('time')
  text.textContent = textOf(body)
  time.dateTime = new Date(at).toISOString()
  time.textContent = new Date(at).toLocaleTimeString()
  entry.append(text, time)
  return entry
}

/** A notification is any JSON value; ours have a text. */
const textOf = (body) => (typeof body?.text === 'string' ? body.text : JSON.stringify(body))

function showSnippets({ curl, python, browser }) {
  showSnippet('A shell', curl, 'To see all that passes: node dist/cli/main.js tail')
  if (python !== null)
    showSnippet(
      'Python with pyzmq, a notifier of your own',
      python,
      'Needs pyzmq: apt install python3-zmq, or pip in a virtual environment.',
    )
  showSnippet(
    'A page of your own, as user 42',
    browser,
    'Save it as hello.html, run “python3 -m http.server 8000” beside it and open http://localhost:8000/hello.html. Pages of other origins: http.origins.',
  )
}

function showSnippet(name, code, needs = '') {
  const element = copyOf('#snippet-template')
  const button = element.querySelector('.copy')
  element.querySelector('.name').textContent = name
  element.querySelector('code').textContent = code
  element.querySelector('.needs').textContent = needs
  // Long lines scroll, so the keyboard must reach them.
  Object.assign(element.querySelector('pre'), { tabIndex: 0, role: 'group', ariaLabel: name })
  button.setAttribute('aria-label', `Copy: ${name}`)
  button.addEventListener('click', async () => {
    await navigator.clipboard.writeText(code)
    button.textContent = 'Copied'
    setTimeout(() => {
      button.textContent = 'Copy'
    }, COPIED_MS)
  })
  document.querySelector('#snippet-list').append(element)
}

function copyOf(template) {
  return document.querySelector(template).content.firstElementChild.cloneNode(true)
}
