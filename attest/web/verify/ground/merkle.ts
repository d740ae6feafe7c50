/** Trees of hashes: the nodes 2i and 2i + 1 of a level join, and an unpaired last one moves up unchanged. */

import { failed } from "./errors.ts";

/** The root over `leaves`; null over none. */
export function rootOver<Node>(leaves: readonly Node[], join: (left: Node, right: Node) => Node): Node | null {
  let level = leaves;
  while (level.length > 1) {
    const above: Node[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i], level[i + 1]];
      if (left !== undefined) above.push(right === undefined ? left : join(left, right));
    }
    level = above;
  }
  return level[0] ?? null;
}

/**
 * The root that `leaf` at `index` of a tree of `size` leaves has with `path` (RFC 9162, section 2.1.3.2). On which side
 * a sibling stands, and how long the path is, follow from `index` and `size` alone.
 */
export function rootAlong<Node>(
  leaf: Node,
  index: number,
  size: number,
  path: readonly Node[],
  join: (left: Node, right: Node) => Node,
): Node {
  if (index >= size) throw failed("path/index", `leaf ${index} does not exist in a tree of ${size} leaves`);
  let position = index;
  let last = size - 1;
  let node = leaf;
  const rise = (): void => {
    // Operators on bits would cut numbers at 2^31.
    position = Math.floor(position / 2);
    last = Math.floor(last / 2);
  };
  for (const sibling of path) {
    if (last === 0) throw failed("path/length", "the audit path is too long");
    if (position % 2 === 1 || position === last) {
      node = join(sibling, node);
      while (position % 2 === 0 && position > 0) rise();
    } else {
      node = join(node, sibling);
    }
    rise();
  }
  if (last > 0) throw failed("path/length", "the audit path is too short");
  return node;
}
