import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { parse } from 'yaml'
import { VARIABLES } from '../../src/settings/environment.ts'

for (const file of ['docker-compose.yml', 'docker-compose.wiremock.yml']) {
  test(`${file} sets no unknown variable, keeps the service confined, and gives it the time to stop`, () => {
    const { services } = parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'), { merge: true }) as { services: Record<string, Record<string, unknown>> }
    const replicas = Object.entries(services).filter(([name]) => /^service(-\d)?$/.test(name))
    assert.ok(replicas.length > 0)
    for (const [name, service] of replicas) {
      assert.deepEqual(Object.keys(service['environment'] as object).filter((variable) => !VARIABLES.includes(variable)), [], name)
      const { read_only, cap_drop, security_opt, ulimits, stop_grace_period, tmpfs } = service
      assert.deepEqual({ read_only, cap_drop, security_opt, ulimits, stop_grace_period, tmpfs }, {
        read_only: true, cap_drop: ['ALL'], security_opt: ['no-new-privileges:true'], ulimits: { core: 0 }, stop_grace_period: '150s', tmpfs: ['/tmp'],
      }, name)
    }
    // For this machine only: the demo's journal and callers have no secrets.
    const ports = Object.values(services).flatMap(({ ports = [] }) => ports as string[])
    assert.ok(ports.length > 0 && ports.every((port) => port.startsWith('127.0.0.1:')))
  })
}
