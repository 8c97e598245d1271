// The demo page. Everything that a sender wrote is shown with textContent, never as HTML.
import { openTab } from './tab.js'

const TABS = [
  { user: '42', title: 'Tab 1' },
  { user: '42', title: 'Tab 2' },
  { user: '43', title: 'Tab 3' },
]
const COPIED_MS = 2000

const facts = await fetch('/dev/facts').then((response) => response.json())
for (const tab of TABS) openTab(copyOf('#tab-template'), { ...tab, event: facts.event, say })
showSnippets(facts.snippets)
document.querySelector('#composer').addEventListener('submit', (event) => {
  event.preventDefault()
  void send(event.submitter?.value ?? '42', document.querySelector('#text').value)
})

/** The same request that the curl line makes: whoever has the key may send. Users' are kept, unless it says otherwise. */
async function send(recipient, text) {
  const isLive = recipient === '*' || document.querySelector('#live').checked
  const to = recipient === '*' ? 'everyone' : `user ${recipient}`
  try {
    const response = await fetch('/v1/notify', {
      method: 'POST',
      headers: { authorization: `Bearer ${facts.key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ recipient, notification: { text }, ...(isLive && { keep: false }) }),
    })
    const reply = await response.json()
    if (reply.ok) say(`Sent to ${to}${isLive ? ', live' : ''}.`)
    else say(`Not sent: ${reply.error.message}`, true)
  } catch {
    say('Not sent: the gateway does not answer.', true)
  }
}

function say(text, isBad = false) {
  const status = document.querySelector('#status')
  status.textContent = text
  status.classList.toggle('bad', isBad)
}

function showSnippets({ curl, python, browser }) {
  showSnippet('A shell', curl, 'To see all that passes: node dist/cli/main.js tail')
  if (python !== null)
    showSnippet(
      'Python with pyzmq, a notifier of your own',
      python,
      'Live: for who is connected. Needs pyzmq: apt install python3-zmq, or pip in a virtual environment.',
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
