import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { command, docker } from './docker.ts'

export interface Compose {
  /** Host ports by the variable of the compose file that names them. */
  readonly ports: Readonly<Record<string, string>>
  /** Runs docker-compose with these words. */
  run(...words: readonly string[]): Promise<string>
  /** The id of a service's container. */
  container(service: string): Promise<string>
  /** Stops and removes all of it, volumes and the images that it built too. */
  down(): Promise<void>
}

/**
 * Opens a project of a name and ports of its own, so that it disturbs no other one on this machine.
 * @param file the compose file
 * @param variables of the file, for host ports
 */
export async function openCompose(file: string, variables: readonly string[]): Promise<Compose> {
  // Version 2 is a plugin of docker, version 1 a program of its own; the files suit both.
  const plugin = await docker('compose', 'version').then(() => true, () => false)
  const project = `bundler-ci-${process.pid}-${Object.keys(variables).length}`
  const ports = Object.fromEntries(await Promise.all(variables.map(async (name): Promise<[string, string]> => [name, await freePort()])))
  const run = (...words: readonly string[]): Promise<string> => {
    const all = ['-f', file, '-p', project, '--profile', 'replicas', ...words]
    return plugin ? command('docker', ['compose', ...all], ports) : command('docker-compose', all, ports)
  }
  return {
    ports, run,
    container: (service) => run('ps', '-q', service),
    async down() { await run('down', '-v', '-t', '10', '--remove-orphans') },
  }
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}
