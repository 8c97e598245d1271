import { memoryDirectory } from '../../src/memory/directory.ts'
import { directoryContract } from './directoryContract.ts'

directoryContract('memoryDirectory', async (clock) => {
  const directory = memoryDirectory({ clock })
  return { directory, close: () => directory.close() }
})
