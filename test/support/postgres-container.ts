import { randomBytes } from 'node:crypto'
import { GenericContainer, getContainerRuntimeClient, Wait } from 'testcontainers'
import type { Server } from './postgres-server.ts'

/**
 * Runs a server in a container.
 * @param settings of `postgresql.conf`, as `name=value`
 * @throws Error where no engine answers, or the image does not start
 */
export async function startContainer(image: string, settings: readonly string[]): Promise<Server & { readonly how: 'container' }> {
  await getContainerRuntimeClient().catch(() => { throw new Error('no Docker engine answers') })
  const password = randomBytes(16).toString('hex')
  const container = await new GenericContainer(image)
    .withEnvironment({ POSTGRES_PASSWORD: password })
    .withCommand(['postgres', ...settings.flatMap((setting) => ['-c', setting])])
    .withExposedPorts(5432)
    // The image starts the server twice: first to set itself up, without a port.
    .withWaitStrategy(Wait.forLogMessage('database system is ready to accept connections', 2))
    .start()
    .catch((error: unknown) => {
      throw new Error(`an engine answers, but ${image} does not start (${error instanceof Error ? error.message.trim() : String(error)})`)
    })
  return {
    how: 'container',
    url: `postgres://postgres:${password}@${container.getHost()}:${container.getMappedPort(5432)}/postgres`,
    async stop() { await container.stop({ timeout: 0 }) },
  }
}
