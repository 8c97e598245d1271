import { memoryBroker } from '../../src/memory/broker.ts'
import { startBackend } from '../support/redisBackend.ts'
import { type RedisServer, startRedis } from '../support/redisServer.ts'
import { brokerContract, sharedBrokerContract } from './brokerContract.ts'

let server: RedisServer
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const inRedis = async () => {
  const { broker, close } = await startBackend(server.port)
  return { ...broker, close }
}

brokerContract('memoryBroker', async () => memoryBroker())
brokerContract('redisBroker', inRedis)
sharedBrokerContract('redisBroker', async () => [await inRedis(), await inRedis()])
