import type { Answer } from "./answer.ts";
import type { Query } from "./query.ts";

/**
 * One link of a chain. It answers, or it asks `next` and gives back what that gave, changed or not.
 *
 * Never rejects for what a packet, an upstream or a file can do: such failures are an `Answer` with `error`. A
 * rejection is a defect; the edge answers SERVFAIL, counts a panic, and goes on.
 */
export interface Handler {
  serve(query: Query): Promise<Answer>;
}
