import { context } from 'zeromq'

// A process that ends by itself must not hang on a message that nobody will take.
context.blocky = false
// Three sockets for each notifier (its own, and two that watch it) outgrow the default of 1,023. Settable only before the
// first socket, therefore here, where every file that makes one comes by.
context.maxSockets = 65_535

/**
 * For a ROUTER that senders may flood. libzmq 4.3.5 ends the process (`Assertion failed: !_io_error`) when a peer goes
 * while libzmq has stopped reading from it, because the queue is full, and a heartbeat falls due: so none are sent. The
 * kernel finds peers that have vanished.
 */
export const FLOODED = {
  heartbeatInterval: 0,
  heartbeatTimeout: 0,
  heartbeatTimeToLive: 0,
  tcpKeepalive: 1,
  tcpKeepaliveIdle: 60,
  tcpKeepaliveInterval: 10,
  tcpKeepaliveCount: 3,
} as const

/**
 * What every socket gets. Heartbeats notice half-open connections and stopped processes; a handshake that takes longer
 * than five seconds is a peer that speaks something else. A back-off beyond a second would lose more.
 */
export const CAREFUL = {
  linger: 0,
  heartbeatInterval: 2_000,
  heartbeatTimeout: 6_000,
  heartbeatTimeToLive: 6_000,
  handshakeInterval: 5_000,
  connectTimeout: 5_000,
  reconnectInterval: 100,
  reconnectMaxInterval: 1_000,
} as const

/** IPv6 only where the address asks for it: with it, `localhost` would be looked up as `::1` first. */
export const needsIpv6 = (address: string) => address.startsWith('tcp://[')

/**
 * Makes libzmq work off its mailbox now: a connection that was made, filters that a reconnect puts out again. Send right
 * after it, be it in vain: asking swallows the signal that something can be read, and sending makes zeromq.js look for
 * itself. Therefore nobody asks a socket whether it is `readable` while a reader waits for it: that reader would wait
 * for ever.
 */
export const workOffMailbox = (socket: { readonly writable: boolean }): boolean => socket.writable
