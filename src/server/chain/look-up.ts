/**
 * Questions that a plugin asks its own chain while it answers another: the target of a CNAME.
 *
 * They go in at the top, so all plugins see them, the asking one too. What keeps a configuration that leads to itself
 * from going round for ever is a budget that all questions descending from one client's share.
 */
import type { Answer } from "./answer.ts";
import { withQuestion } from "./other-question.ts";
import type { SetupContext } from "./plugin.ts";
import type { Query } from "./query.ts";

/** Look-ups for one query of a client. */
export const LOOK_UPS_MAX = 16;

/**
 * Asks for records of a name, with the flags and the EDNS of `query`.
 *
 * @param name wire form
 * @returns undefined when there is no answer: the budget is used up, or the chain drops the question
 */
export async function lookUp(
  context: Pick<SetupContext, "ask">,
  query: Query,
  name: Uint8Array,
  type: number,
): Promise<Answer | undefined> {
  query.lookUps ??= { left: LOOK_UPS_MAX };
  if (query.lookUps.left === 0) return undefined;
  query.lookUps.left--;
  const answer = await context.ask(withQuestion(query, name, type));
  return answer.dropped === true ? undefined : answer;
}
