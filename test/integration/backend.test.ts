import { Redis } from 'ioredis'
import { openBackend } from '../../src/backend.ts'
import { loadConfig } from '../../src/config/load.ts'
import { Events } from '../../src/core/events.ts'
import { startRedis } from '../support/redisServer.ts'
import { until } from '../support/until.ts'

test('a backend that cannot be opened leaves no connection to Redis, which would keep the process alive', async () => {
  const server = await startRedis()
  const config = loadConfig({ env: { HERALDO_REDIS_URL: server.url } })
  const beaker = { use: 'beaker' as const, cookie: 'a', secret: 's', user: ['id'], timeout: null }
  const broken = { ...config, sessions: [{ ...beaker, key: 'the same for all' }] }
  await expect(openBackend(broken, new Events())).rejects.toThrow('no {id}')
  const admin = new Redis(server.url)
  await until('only we are connected', async () => `${await admin.client('LIST')}`.trim().split('\n').length === 1)
  admin.disconnect()
  await server.stop()
})
