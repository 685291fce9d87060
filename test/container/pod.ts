/**
 * Runs the containers of deploy/kubernetes/agent.yaml as they are written there, in namespaces of this machine: the sidecar first, the agent
 * once it has started, and the sidecar's end last. A field that is not known here fails. Volumes are root's, with the group of the pod.
 */

import { chmodSync, chownSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { freshDirectory } from '../support/place.ts';
import { REPOSITORY } from '../support/process.ts';
import { DAY_MS, makeClaudeDir, makeSession, sessionIdOf } from '../support/tree.ts';
import { until } from '../support/wait.ts';
import type { CheckContext, Checks } from './checks.ts';
import { succeed } from './succeed.ts';

const DIRECTORY = join(REPOSITORY, 'deploy/kubernetes');

interface Container {
  readonly name: string;
  readonly [field: string]: unknown;
}

interface PodSpec {
  readonly shareProcessNamespace: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: { readonly runAsUser: number; readonly runAsGroup: number; readonly fsGroup: number };
  readonly initContainers: readonly [Container];
  readonly containers: readonly [Container];
}

function documentsOf<T>(file: string): readonly T[] {
  const text = readFileSync(join(DIRECTORY, file), 'utf8');
  return parseAllDocuments(text).map((document) => document.toJS() as T);
}

function podOf(file: string): PodSpec {
  const [workload] = documentsOf<{ spec: { template: { spec: PodSpec } } }>(file);
  if (workload === undefined) throw new Error(`${file} holds nothing`);
  return workload.spec.template.spec;
}

/** Host directories by the names of the pod's volumes. */
type Volumes = Readonly<Record<string, string>>;
type Translate = (value: unknown, volumes: Volumes) => readonly string[];

const nothing: Translate = () => [];

/** What podman says for each field of a container. */
const FIELDS: Readonly<Record<string, Translate>> = {
  name: nothing,
  image: nothing,
  args: nothing,
  restartPolicy: nothing,
  ports: nothing,
  startupProbe: nothing,
  livenessProbe: nothing,
  // The optional secret says nothing that the settings do not say.
  envFrom: nothing,
  env: (value) =>
    (value as { name: string; value: string }[]).flatMap(({ name, value: text }) => ['--env', `${name}=${text}`]),
  resources: (value) => {
    const { memory = '' } = (value as { limits: { memory?: string } }).limits;
    return ['--memory', memory.replace('Mi', 'm'), '--memory-swap', memory.replace('Mi', 'm')];
  },
  securityContext: (value) => {
    const { allowPrivilegeEscalation, readOnlyRootFilesystem, capabilities } = value as {
      allowPrivilegeEscalation: boolean;
      readOnlyRootFilesystem?: boolean;
      capabilities: { drop: string[] };
    };
    return [
      ...(allowPrivilegeEscalation ? [] : ['--security-opt', 'no-new-privileges']),
      ...(readOnlyRootFilesystem === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
      ...capabilities.drop.flatMap((name) => ['--cap-drop', name]),
    ];
  },
  volumeMounts: (value, volumes) =>
    (value as { name: string; mountPath: string; readOnly?: boolean }[]).flatMap(({ name, mountPath, readOnly }) => {
      return ['--volume', `${volumes[name]}:${mountPath}${readOnly === true ? ':ro' : ''}`];
    }),
};

function flagsOf({ name, ...container }: Container, pod: PodSpec, volumes: Volumes): readonly string[] {
  const { runAsUser, runAsGroup, fsGroup } = pod.securityContext;
  const flags = Object.entries(container).flatMap(([field, value]) => {
    const translate = FIELDS[field];
    if (translate === undefined) throw new Error(`${name}: the field ${field} is not known here`);
    return translate(value, volumes);
  });
  const processes = pod.shareProcessNamespace ? ['--pid', 'container:pod'] : [];
  const user = ['--user', `${runAsUser}:${runAsGroup}`, '--group-add', String(fsGroup)];
  return [...user, ...processes, '--network', 'container:pod', ...flags];
}

/** As kubelet leaves them: root's own, and open to the group of the pod. */
function makeVolumes(work: string, group: number): Volumes {
  const directory = freshDirectory(work, 'pod');
  const volumes = Object.fromEntries(
    ['claude', 'state', 'config'].map((name) => [name, freshDirectory(directory, name)]),
  );
  const [config] = documentsOf<{ data: Record<string, string> }>('config.yaml');
  for (const [name, text] of Object.entries(config?.data ?? {})) writeFileSync(join(volumes.config ?? '', name), text);
  for (const name of ['claude', 'state']) {
    chownSync(volumes[name] ?? '', 0, group);
    chmodSync(volumes[name] ?? '', 0o2775);
  }
  return volumes;
}

export const POD_CHECKS: Checks = {
  'runs as the sidecar of a pod, whose agent it starts before and outlives': async (context) => {
    const { podman, base, image } = context;
    const pod = podOf('agent.yaml');
    const [sidecar] = pod.initContainers;
    const [agent] = pod.containers;
    const volumes = makeVolumes(context.work, pod.securityContext.fsGroup);
    await podman.startAs('pod', ['--network', 'none', base, 'sleep', 'infinity']);
    await podman.startAs(sidecar.name, [...flagsOf(sidecar, pod, volumes), image, ...(sidecar.args as string[])]);
    await until('the startup probe', () => isStarted(context, sidecar));
    await podman.startAs(agent.name, [...flagsOf(agent, pod, volumes), base, 'sleep', 'infinity']);
    const { runAsUser } = pod.securityContext;
    await makeOldSession(volumes.claude ?? '', runAsUser);
    const run = await podman.exec(sidecar.name, 'node', '/app/dist/program/main.js', 'run', '--yes');
    if (run.code !== 0) throw new Error(`${run.stdout}\n${run.stderr}`);
    if (existsSync(join(volumes.claude ?? '', `projects/-srv-app/${sessionIdOf(1)}.jsonl`)))
      throw new Error(run.stdout);
    // The agent sees the sidecar's processes, and the sidecar the agent's.
    const { stdout } = await podman.exec(agent.name, 'sh', '-c', 'cat /proc/[0-9]*/cmdline');
    if (!stdout.includes('main.js')) throw new Error('the two have no processes in common');
    await podman.stop(agent.name, 1);
    const code = await podman.stop(sidecar.name, pod.terminationGracePeriodSeconds);
    if (code !== 0) throw new Error(`the sidecar ended with ${code}: ${await podman.log(sidecar.name)}`);
    for (const name of [agent.name, sidecar.name, 'pod']) await podman.remove(name);
  },
};

async function makeOldSession(claudeDir: string, uid: number): Promise<void> {
  makeClaudeDir(claudeDir);
  makeSession(claudeDir, { id: sessionIdOf(1), ageMs: 40 * DAY_MS });
  makeSession(claudeDir, { id: sessionIdOf(2), ageMs: DAY_MS });
  // What the agent makes is its own.
  await succeed('chown', ['--recursive', `${uid}:${uid}`, join(claudeDir, 'projects')]);
}

/** Asks as the startup probe does. */
async function isStarted({ podman }: CheckContext, { name, startupProbe, ports }: Container): Promise<boolean> {
  const { path, port } = (startupProbe as { httpGet: { path: string; port: string } }).httpGet;
  const number = (ports as { name: string; containerPort: number }[]).find((one) => one.name === port)?.containerPort;
  const script = `fetch('http://127.0.0.1:${number}${path}').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))`;
  return (await podman.exec(name, 'node', '-e', script)).code === 0;
}
