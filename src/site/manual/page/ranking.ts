/** A section of the manual, as the search's index has it. */
export interface IndexedSection {
  address: string;
  /** The chapter's title. */
  chapter: string;
  title: string;
  text: string;
}

/** Occurrences in the text count one each, up to this number. */
const MAX_TEXT_RANK = 20;

/** Returns the sections that have every word of a query, those with the words in their title first. */
export function search(entries: IndexedSection[], query: string): IndexedSection[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = entries.map((entry) => ({ entry, rank: rankOf(entry, words) })).filter(({ rank }) => rank > 0);
  return ranked.sort((a, b) => b.rank - a.rank).map(({ entry }) => entry);
}

/**
 * Returns 0 if a word is missing. A word in the title outranks any number of occurrences in the text. Ties keep the
 * order of the index, which has the chapters before the references.
 */
function rankOf({ chapter, title, text }: IndexedSection, words: string[]): number {
  // More than all words can reach in the text.
  const titleRank = MAX_TEXT_RANK * words.length + 1;
  const inTitle = title.toLowerCase();
  const inText = `${chapter} ${text}`.toLowerCase();
  const ranks = words.map((word) => {
    return inTitle.includes(word) ? titleRank : Math.min(inText.split(word).length - 1, MAX_TEXT_RANK);
  });
  return ranks.includes(0) ? 0 : ranks.reduce((sum, rank) => sum + rank, 0);
}
