/** What the demo tells a newcomer to paste. */
export interface Snippets {
  readonly curl: string
  /** null: the gateway listens to no fixed notifier address. */
  readonly python: string | null
  readonly browser: string
}

export interface SnippetFacts {
  readonly url: string
  /** A bearer key of the HTTP API. */
  readonly key: string
  /** The first of `zeromq.notifiers`. */
  readonly notifier: string | undefined
  /** The name of the event that carries notifications. */
  readonly event: string
  /** Says who the browser is: user 42. */
  readonly token: string
}

export function snippets({ url, key, notifier, event, token }: SnippetFacts): Snippets {
  return {
    curl: `curl ${url}/v1/notify -H 'Authorization: Bearer ${key}' -H 'Content-Type: application/json' -d '{"recipient":"42","notification":{"text":"hi from curl"}}'`,
    python:
      notifier === undefined
        ? null
        : [
            'import zmq, time',
            `pub = zmq.Context().socket(zmq.PUB); pub.bind('${notifier}')`,
            'time.sleep(2)  # until the gateway has found it',
            `pub.send(b'42|{"text":"hi from Python"}')`,
          ].join('\n'),
    browser: [
      `<script src="${url}/socket.io/socket.io.js"></script>`,
      '<script>',
      `const token = '${token}'`,
      `io('${url}', { auth: { token } }).on('${event}', (body) => document.body.append(JSON.stringify(body), ' '))`,
      '</script>',
    ].join('\n'),
  }
}

/** As the terminal shows them. Nothing is indented, so that each can be pasted as it stands. */
export function printed({ curl, python, browser }: Snippets, url: string): string {
  return [
    `Heraldo is ready: ${url}`,
    '',
    'Send from a shell:',
    curl,
    '',
    ...(python === null
      ? []
      : ['Send from Python with pyzmq (apt install python3-zmq), as a notifier of your own:', python, '']),
    'Listen in a page of your own as user 42 (the token is good for a day). Save it as hello.html, run',
    '"python3 -m http.server 8000" beside it and open http://localhost:8000/hello.html:',
    browser,
    '',
    'Ctrl-C ends it.',
  ].join('\n')
}
