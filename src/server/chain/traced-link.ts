/** A link of a chain whose work shows as a span of its own, for queries that are traced. */
import type { Answer } from "./answer.ts";
import type { Handler } from "./handler.ts";
import type { Query } from "./query.ts";

export class TracedLink implements Handler {
  readonly #directive: string;
  readonly #link: Handler;

  constructor(directive: string, link: Handler) {
    this.#directive = directive;
    this.#link = link;
  }

  serve(query: Query): Promise<Answer> {
    return query.span === undefined ? this.#link.serve(query) : this.#traced(query);
  }

  async #traced(query: Query): Promise<Answer> {
    const outer = query.span;
    const span = outer?.child(this.#directive);
    query.span = span;
    try {
      const answer = await this.#link.serve(query);
      span?.end(answer.error);
      return answer;
    } catch (error) {
      span?.end(error instanceof Error ? error : new Error(String(error)));
      throw error;
    } finally {
      query.span = outer;
    }
  }
}
