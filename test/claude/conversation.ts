/** What a client sends of a conversation, without what it adds of its own: the measure of “resumed with all its messages”. */

interface Block {
  readonly type: string;
  readonly text?: string;
  readonly id?: string;
  readonly name?: string;
  readonly tool_use_id?: string;
  readonly content?: string | readonly Block[];
}

export interface Message {
  readonly role: string;
  readonly content: string | readonly Block[];
}

/**
 * One line for each thing said, asked of a tool, or answered by one: `user: …`, `assistant: …`, `use ID NAME`, `result ID: …`.
 * What the client weaves in anew at each start (reminders, the date) is left out.
 */
export function conversationOf(messages: readonly Message[]): string[] {
  return messages.flatMap(({ role, content }) => {
    return blocksOf(content).flatMap((block) => lineOf(role, block) ?? []);
  });
}

function lineOf(role: string, block: Block): string | undefined {
  if (block.type === 'tool_use') return `use ${block.id} ${block.name}`;
  if (block.type === 'tool_result') return `result ${block.tool_use_id}: ${textOf(block.content ?? '')}`;
  if (block.type !== 'text' || block.text === undefined || !isConversation(role)) return undefined;
  const said = block.text.replaceAll(/<system-reminder>.*?<\/system-reminder>/gs, '').trim();
  return said === '' ? undefined : `${role}: ${said}`;
}

function isConversation(role: string): boolean {
  return role === 'user' || role === 'assistant';
}

function textOf(content: string | readonly Block[]): string {
  return blocksOf(content)
    .map((block) => block.text ?? '')
    .join('\n')
    .trim();
}

function blocksOf(content: string | readonly Block[]): readonly Block[] {
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}
