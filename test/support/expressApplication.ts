import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RedisStore } from 'connect-redis'
import express from 'express'
import session from 'express-session'
import { createClient } from 'redis'

interface Settings {
  readonly redisUrl: string
  readonly secret: string | string[]
  readonly name?: string
  readonly prefix?: string
}

/** A web application with express-session in Redis, and one browser that visits it. */
export interface ExpressApplication {
  /** Puts this into the session, as a login does. */
  signIn(data: object): Promise<void>
  visit(): Promise<void>
  signOut(): Promise<void>
  /** The Cookie header that the browser has now. */
  cookie(): string
  close(): Promise<void>
}

export async function startExpress({ redisUrl, secret, name, prefix }: Settings): Promise<ExpressApplication> {
  const client = createClient({ url: redisUrl })
  await client.connect()
  const app = express()
  const store = new RedisStore({ client, ...(prefix !== undefined && { prefix }) })
  const named = name === undefined ? {} : { name }
  app.use(session({ store, secret, resave: false, saveUninitialized: false, cookie: { maxAge: 60_000 }, ...named }))
  app.post('/in', express.json(), (request, response, next) => {
    request.session.regenerate((error: unknown) => {
      if (error) return next(error)
      Object.assign(request.session, request.body)
      response.end()
    })
  })
  app.get('/', (_, response) => response.end())
  app.post('/out', ({ session }, response, next) => {
    session.destroy((error: unknown) => (error ? next(error) : response.end()))
  })
  const server = createServer(app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return browserOf(server, () => client.destroy())
}

function browserOf(server: Server, disconnect: () => void): ExpressApplication {
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  let cookie = ''
  const ask = async (path: string, method: string, body?: object) => {
    const headers = { cookie, ...(body && { 'content-type': 'application/json' }) }
    const response = await fetch(base + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    await response.arrayBuffer()
    if (!response.ok) throw new Error(`the application answered ${response.status}`)
    cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
  }
  return {
    signIn: (data) => ask('/in', 'POST', data),
    visit: () => ask('/', 'GET'),
    signOut: () => ask('/out', 'POST'),
    cookie: () => cookie,
    async close() {
      disconnect()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
