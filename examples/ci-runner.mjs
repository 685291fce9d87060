/**
 * A CI job that asks Claude once: what went well is nobody's any more, and what failed stays until somebody has looked at it.
 *
 *   node examples/ci-runner.mjs 'Review the last commit.'
 *
 * Such sessions are resumed by nobody, so that the worker of the runner takes them away soon: `classes: { sdk: { maxAge: 3d } }`.
 */

import { homedir } from 'node:os';
import { query } from '@anthropic-ai/claude-agent-sdk';
import { SessionSweeper } from 'claude-session-sweeper';

let sessionId;
let answer;
let fault = 'Claude has ended without an answer';
try {
  for await (const message of query({ prompt: process.argv[2], options: { permissionMode: 'plan' } })) {
    sessionId ??= message.session_id;
    if (message.type !== 'result') continue;
    if (message.is_error) fault = message.errors?.join('; ') ?? message.result;
    else answer = message.result;
  }
} catch (error) {
  fault = error;
}

if (answer !== undefined) {
  console.log(answer);
} else {
  process.exitCode = 1;
  console.error(String(fault));
  if (sessionId !== undefined) {
    // Where there is a session, there is the directory that it is in.
    const claudeDirs = [process.env.CLAUDE_CONFIG_DIR ?? `${homedir()}/.claude`];
    await new SessionSweeper({ claudeDirs }).pin(sessionId);
    console.error(`It is kept: claude --resume ${sessionId}; claude-session-sweeper unpin ${sessionId} lets it go.`);
  }
}
