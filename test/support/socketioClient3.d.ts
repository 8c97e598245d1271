// socket.io-client 3.1 under its alias: its own package names no types there, and for what the tests use 4.8's hold.
declare module 'socket.io-client-3' {
  export { io } from 'socket.io-client'
}
