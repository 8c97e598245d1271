/** Engine.IO 4 asks, and leaves those who do not answer. */
export const enginePing = { isBinary: false, ping: '2', pong: '3' }

/** How a browser with Socket.IO 4 comes to a server that knows it by a cookie. */
export const visitor = () => ({
  path: () => '/socket.io/?EIO=4&transport=websocket',
  headers: (user) => [`Cookie: uid=${user}`],
  answer(text) {
    if (text.startsWith('0')) return '40'
    return text.startsWith('40') ? true : undefined
  },
  ...enginePing,
})
