import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { geometryOf, SIZE_CLASSES, UNITS_PER_PAGE } from "./region-layout.ts";
import { SlotPages } from "./slot-pages.ts";

const PAGES = 3;

function pagesOf(): { pages: SlotPages; seqs: (page: number) => number[]; live: (slot: number) => void } {
  const geometry = geometryOf(64, PAGES * UNITS_PER_PAGE);
  const words = new Int32Array(geometry.slotsWord);
  const at = (slot: number): number => geometry.controlWord + slot * 4;
  return {
    pages: new SlotPages(words, geometry),
    seqs: (page) => Array.from({ length: UNITS_PER_PAGE }, (_, i) => words[at(page * UNITS_PER_PAGE + i)] ?? 0),
    live: (slot) => {
      words[at(slot)] = ((words[at(slot)] ?? 0) + 1) | 0;
    },
  };
}

describe("slot pages", () => {
  it("gives each slot of a size once, all within the pages, none over another", () => {
    for (let sizeClass = 0; sizeClass < SIZE_CLASSES; sizeClass++) {
      const { pages } = pagesOf();
      const units = new Set<number>();
      let slots = 0;
      for (let slot = pages.take(sizeClass); slot >= 0; slot = pages.take(sizeClass), slots++) {
        for (let unit = slot; unit < slot + (1 << sizeClass); unit++) {
          assert.ok(unit < PAGES * UNITS_PER_PAGE && !units.has(unit));
          units.add(unit);
        }
      }
      assert.equal(slots, (PAGES * UNITS_PER_PAGE) >> sizeClass);
    }
  });

  it("touches a page only when those before it are full", () => {
    const { pages } = pagesOf();
    for (let i = 0; i < UNITS_PER_PAGE; i++) pages.take(0);
    assert.equal(pages.pagesTouched, 1);
    pages.take(0);
    assert.equal(pages.pagesTouched, 2);
  });

  it("gives a slot again that was given back", () => {
    const { pages } = pagesOf();
    while (pages.take(2) >= 0);
    pages.release(8);
    assert.equal(pages.take(2), 8);
    assert.equal(pages.take(2), -1);
  });

  it("cuts a page anew once it is empty, and then lets nothing in it be read", () => {
    const { pages, seqs, live } = pagesOf();
    const taken: number[] = [];
    for (let slot = pages.take(0); slot >= 0; slot = pages.take(0)) {
      taken.push(slot);
      live(slot);
    }
    assert.ok(seqs(1).every((seq) => seq % 2 === 0));
    assert.equal(pages.take(3), -1);
    // As if the writer had not cleared them: the page sees to it itself.
    for (const slot of taken.filter((slot) => slot >> 8 === 1)) pages.release(slot);
    const slot = pages.take(3);
    assert.equal(slot >> 8, 1);
    assert.ok(seqs(1).every((seq) => seq % 2 === 1));
    assert.equal(pages.classOf(slot), 3);
    assert.deepEqual(pages.pagesOf.slice(0, 4), Int32Array.of(2, 0, 0, 1));
    assert.equal(pages.take(0), -1, "no slot of the old size is left");
  });
});
