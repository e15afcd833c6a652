import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/**
 * Runs the openssl binary, the second opinion on all that the simulator makes, in a folder with these files.
 * @returns The exit code, and standard output and error together.
 */
export async function openssl(files: Readonly<Record<string, string | Uint8Array>>, ...args: readonly string[]): Promise<{ code: number; text: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'simulator-openssl-'))
  try {
    for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
    return await new Promise((resolve) => {
      execFile('openssl', [...args], { cwd: folder }, (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : Number(error.code ?? 1), text: stdout + stderr })
      })
    })
  } finally {
    await rm(folder, { recursive: true })
  }
}
