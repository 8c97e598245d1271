import { type TransportUnderTest, transportContract } from '../../contracts/transportContract.ts'
import { browse, CLIENTS, closeTab } from '../../support/socketioClients.ts'
import { startSocketio } from '../../support/socketioServer.ts'

for (const [version, open] of Object.entries(CLIENTS))
  for (const transport of ['websocket', 'polling'] as const)
    transportContract(
      `Socket.IO to socket.io-client ${version} over ${transport}`,
      async (): Promise<TransportUnderTest> => {
        const server = await startSocketio()
        return {
          transport: server.transport,
          hub: server.lobby.hub,
          stop: () => server.stop(),
          async connect(user) {
            const browser = await browse(server.url, user, { transports: [transport] }, open)
            return {
              ...browser,
              isConnected: () => browser.socket.connected,
              isComingBack: () => browser.disconnects.some((reason) => reason !== 'io server disconnect'),
              close: () => closeTab(browser),
            }
          },
        }
      },
    )
