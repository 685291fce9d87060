/**
 * Tells whether this Node can run the program. It is asked before anything else is loaded, so it imports nothing, and keeps to syntax
 * that Node 12 reads.
 */

/** The first release of each major that serves; package.json's `engines` says the same. */
export const SUPPORTED_NODES: readonly (readonly [major: number, minor: number])[] = [
  [20, 19],
  [22, 14],
  [24, 0],
  [26, 0],
];

/** The exit code of the kind `config`: no restart helps. errors.ts has it too, in syntax that an old Node does not read. */
export const UNSUPPORTED_NODE_EXIT_CODE = 78;

/**
 * @param version as in `process.versions.node`: `20.19.0`
 * @returns one sentence for an operator, or undefined where this Node serves
 */
export function unsupportedNode(version: string): string | undefined {
  const [major, minor] = version.split('.').map(Number);
  const isSupported = SUPPORTED_NODES.some((first) => first[0] === major && minor !== undefined && first[1] <= minor);
  if (isSupported) return undefined;
  return `Node ${version} is not supported: use Node ${supportedNodes()}, or a later release of one of these`;
}

/** @returns `20.19, 22.14, 24 or 26` */
export function supportedNodes(): string {
  const names = SUPPORTED_NODES.map((first) => (first[1] === 0 ? `${first[0]}` : `${first[0]}.${first[1]}`));
  return `${names.slice(0, -1).join(', ')} or ${names[names.length - 1]}`;
}
