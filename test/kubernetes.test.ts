/** The files of deploy/kubernetes, held against the published schemas and types of Kubernetes and of the Prometheus operator. */

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PodMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { StatefulSet } from 'kubernetes-models/apps/v1';
import { CronJob } from 'kubernetes-models/batch/v1';
import { NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { ConfigMap, Secret } from 'kubernetes-models/v1';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { SETTING_PATHS, variableOf } from '../src/config/settings.ts';
import { resolveConfig } from './support/resolved-config.ts';
import { tempDir } from './support/temp-dir.ts';

const top = fileURLToPath(new URL('..', import.meta.url));
const DIRECTORY = join(top, 'deploy/kubernetes');

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [field: string]: unknown;
}

const files = readdirSync(DIRECTORY, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
const manifests = files.sort().flatMap((file) => {
  const text = readFileSync(join(DIRECTORY, file), 'utf8');
  return parseAllDocuments(text).map((document) => ({ file, manifest: document.toJS() as Manifest }));
});

function manifestOf(kind: string, name: string): Manifest {
  const found = manifests.find(({ manifest }) => manifest.kind === kind && manifest.metadata.name === name);
  if (found === undefined) throw new Error(`there is no ${kind} ${name}`);
  return found.manifest;
}

const MODELS = { StatefulSet, CronJob, NetworkPolicy, ConfigMap, Secret, PodMonitor };
type Kind = keyof typeof MODELS;
const MODULES: Readonly<Record<Kind, string>> = {
  StatefulSet: 'kubernetes-models/apps/v1',
  CronJob: 'kubernetes-models/batch/v1',
  NetworkPolicy: 'kubernetes-models/networking.k8s.io/v1',
  ConfigMap: 'kubernetes-models/v1',
  Secret: 'kubernetes-models/v1',
  PodMonitor: '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1',
};

/** @throws with what the schema of its kind does not allow */
function validate(manifest: Manifest): void {
  const model = MODELS[manifest.kind as Kind];
  const made = new (model as new (data: unknown) => { validate(): void; apiVersion: string })(manifest);
  made.validate();
}

/** What the compiler says of manifests that are written as values of their types: it knows every field that there is. */
function unknownFields(all: readonly Manifest[]): string {
  const directory = tempDir();
  symlinkSync(join(top, 'node_modules'), join(directory, 'node_modules'));
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }\n');
  const kinds = [...new Set(all.map(({ kind }) => kind as Kind))];
  const imports = kinds.map((kind) => `import type { I${kind} } from '${MODULES[kind]}';\n`);
  const values = all.map((manifest, index) => {
    return `export const value${index}: I${manifest.kind} = ${JSON.stringify(manifest, null, 1)};\n`;
  });
  writeFileSync(join(directory, 'manifests.ts'), [...imports, ...values].join(''));
  const flags = ['--noEmit', '--strict', '--skipLibCheck', '--module', 'nodenext', '--target', 'es2023', '--types', ''];
  const tsc = join(top, 'node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, ...flags, 'manifests.ts'], { cwd: directory, encoding: 'utf8' });
  return stdout;
}

describe('the files for Kubernetes', () => {
  it.each(manifests)('hold only what the schema of its kind allows: $manifest.kind in $file', ({ manifest }) => {
    expect(() => validate(manifest)).not.toThrow();
  });

  it('have no field that Kubernetes would pass over', () => {
    expect(unknownFields(manifests.map(({ manifest }) => manifest))).toBe('');
    const policy = manifestOf('NetworkPolicy', 'claude-session-sweeper');
    const mistyped = { ...policy, spec: { ...(policy.spec as object), policyType: ['Ingress'] } };
    expect(unknownFields([mistyped])).toContain(`"policyType"' does not exist`);
    expect(() => validate({ ...policy, spec: { policyTypes: 'Ingress' } })).toThrow();
  });

  it('give the worker settings that it takes', () => {
    const { data } = manifestOf('ConfigMap', 'claude-session-sweeper') as Manifest & { data: Record<string, string> };
    const { stringData } = manifestOf('Secret', 'claude-session-sweeper') as Manifest & {
      stringData: Record<string, string>;
    };
    expect(Object.keys(stringData).filter((name) => !SETTING_PATHS.map(variableOf).includes(name))).toEqual([]);
    const file = { path: 'config.yaml', text: data['config.yaml'] ?? '' };
    const resolved = resolveConfig({ flags: {}, environment: stringData, home: '/home/node', file });
    expect(resolved).toMatchObject({ config: { maxAge: 30 * 86_400_000 } });
  });

  it('fence the worker in as the compose file does, and give it what the agent has', () => {
    const pod = podOf('StatefulSet', 'claude-agent');
    const [sidecar, agent] = [pod.initContainers?.[0], pod.containers[0]];
    expect(sidecar).toMatchObject({
      restartPolicy: 'Always',
      args: ['daemon'],
      securityContext: FENCE,
      env: [{ name: 'SWEEPER_CONFIG', value: '/etc/claude-session-sweeper/config.yaml' }],
    });
    expect(sidecar?.volumeMounts).toEqual(expect.arrayContaining([...(agent?.volumeMounts ?? [])]));
    for (const spec of [pod, podOf('CronJob', 'claude-session-sweeper')]) {
      expect(spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1_000, fsGroup: 1_000 });
      expect([...(spec.initContainers ?? []), ...spec.containers].filter(({ name }) => name !== 'agent')).toMatchObject(
        [{ securityContext: FENCE }],
      );
    }
  });

  it('have Prometheus and its network policy find the pods by the labels and the port that they have', () => {
    const workload = manifestOf('StatefulSet', 'claude-agent') as unknown as { spec: { template: Labelled } };
    const { labels } = workload.spec.template.metadata;
    const monitor = manifestOf('PodMonitor', 'claude-session-sweeper') as unknown as {
      spec: { selector: { matchLabels: object }; podMetricsEndpoints: readonly { port: string }[] };
    };
    const policy = manifestOf('NetworkPolicy', 'claude-session-sweeper') as unknown as {
      spec: { podSelector: { matchLabels: object }; ingress: readonly { ports: readonly { port: string }[] }[] };
    };
    expect(labels).toMatchObject(monitor.spec.selector.matchLabels);
    expect(labels).toMatchObject(policy.spec.podSelector.matchLabels);
    const [port] = podOf('StatefulSet', 'claude-agent').initContainers?.[0]?.ports ?? [];
    expect(monitor.spec.podMetricsEndpoints[0]?.port).toBe(port?.name);
    expect(policy.spec.ingress[0]?.ports[0]?.port).toBe(port?.name);
  });
});

interface Labelled {
  readonly metadata: { readonly labels: object };
}

interface ContainerSpec {
  readonly name: string;
  readonly volumeMounts: readonly { readonly name: string }[];
  readonly ports?: readonly { readonly name: string }[];
}

interface PodSpec {
  readonly securityContext: object;
  readonly initContainers?: readonly ContainerSpec[];
  readonly containers: readonly ContainerSpec[];
}

const FENCE = { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } };

function podOf(kind: 'StatefulSet' | 'CronJob', name: string): PodSpec {
  const { spec } = manifestOf(kind, name) as unknown as {
    spec: { template?: { spec: PodSpec }; jobTemplate?: { spec: { template: { spec: PodSpec } } } };
  };
  const pod = spec.template?.spec ?? spec.jobTemplate?.spec.template.spec;
  if (pod === undefined) throw new Error(`${kind} ${name} has no pod`);
  return pod;
}
