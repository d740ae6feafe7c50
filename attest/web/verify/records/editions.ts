/** Step 9: the files beside the bundle have the digests that were signed, and their records lead to the root. */

import { sha256, toHex } from "../ground/bytes.ts";
import { failed, malformed } from "../ground/errors.ts";
import { array, digest, object, type Reader, requireCanonical } from "../ground/fields.ts";
import { canonical, type Json, parseJson } from "../ground/json.ts";
import type { Findings } from "../ground/step.ts";
import type { Statement } from "../statement/statement.ts";
import { count } from "../statement/values.ts";
import { linesOf, MAX_LINE_BYTES, MAX_LINES, refuseLargeFile } from "./lines.ts";
import { type AnyRecord, recordFields, type Records } from "./record.ts";
import { Room } from "./room.ts";
import { sentences } from "./sentences.ts";
import { evidenceRoot, evidenceRootAlong, recordLeaf } from "./tree.ts";

const PUBLIC = "evidence-public.jsonl";
const AUDITOR = "evidence.jsonl";
const MAX_PATH = 64;

type Bound = Statement["predicate"]["evidence"];

/** The value as it stands, for its bytes are needed besides what it says. */
const asItStands: Reader<Json> = (value) => value;
const publicLine = object({ index: count, path: array(digest, 0, MAX_PATH), record: asItStands });

/** The records by index that are among `files`, those of the auditor's edition where it is there. */
export function readBesideBundle(
  statement: Statement,
  files: ReadonlyMap<string, Uint8Array>,
  findings: Findings,
): Records {
  const bound = statement.predicate.evidence;
  const missing: string[] = [];
  let records: Records = new Map();
  for (const subject of statement.subject) {
    const content = files.get(subject.name);
    if (content === undefined) {
      missing.push(subject.name);
      continue;
    }
    refuseLargeFile(content, subject.name);
    if (toHex(sha256(content)) !== subject.digest.sha256) {
      throw failed("subject/digest", `${subject.name} is not the file that was signed for`);
    }
    if (subject.name === PUBLIC) records = readPublic(content, bound);
  }
  const auditors = files.get(AUDITOR);
  if (auditors !== undefined) records = readAuditors(auditors, bound);
  const said = sentences.recordsBound(records.size, bound.count);
  if (records.size > 0) findings.say(said);
  else findings.open(said);
  if (missing.length > 0) findings.open(sentences.filesMissing(missing));
  return records;
}

/** The records that anyone may see, each tied to the root by its path. */
function readPublic(content: Uint8Array, bound: Bound): Records {
  const room = new Room();
  const records = new Map<number, AnyRecord>();
  for (const { row, bytes } of linesOf(content, PUBLIC)) {
    if (row > MAX_LINES) throw tooMany(PUBLIC);
    const what = `${PUBLIC} row ${row}`;
    const line = parseJson(bytes, what, MAX_LINE_BYTES);
    const { index, path, record: json } = publicLine(line, what);
    const fields = recordFields(json, `${what}.record`);
    requireCanonical(line, bytes, what);
    if (records.has(index)) throw failed("evidence/twice", `${what}: record ${index} stands there twice`);
    const leaf = recordLeaf(canonical(json));
    if (toHex(evidenceRootAlong(leaf, index, bound.count, path)) !== bound.root) {
      throw failed("evidence/path", `${what}: record ${index} (${fields.type}) does not lead to the evidence root`);
    }
    room.take(what, json, fields);
    records.set(index, { ...fields, leaf: toHex(leaf) });
  }
  return records;
}

/** All records; that they are all of them and no others, the root over all leaves shows before any is read. */
function readAuditors(content: Uint8Array, bound: Bound): Records {
  const leaves: Uint8Array[] = [];
  for (const { row, bytes } of linesOf(content, AUDITOR)) {
    if (row > bound.count) {
      throw failed("evidence/root", `${AUDITOR} row ${row}: ${bound.count} records were bound, and here are more`);
    }
    if (row > MAX_LINES) throw tooMany(AUDITOR);
    leaves.push(recordLeaf(bytes));
  }
  if (leaves.length !== bound.count || toHex(evidenceRoot(leaves)) !== bound.root) {
    throw failed("evidence/root", `${AUDITOR} does not lead to the evidence root`);
  }
  const room = new Room();
  const records = new Map<number, AnyRecord>();
  for (const { row, bytes } of linesOf(content, AUDITOR)) {
    const what = `${AUDITOR} row ${row}`;
    const json = parseJson(bytes, what, MAX_LINE_BYTES);
    const fields = recordFields(json, what);
    requireCanonical(json, bytes, what);
    room.take(what, json, fields);
    records.set(row - 1, { ...fields, leaf: toHex(leaves[row - 1] ?? new Uint8Array(0)) });
  }
  return records;
}

function tooMany(name: string): Error {
  return malformed("evidence/too-many", `${name} has more than ${MAX_LINES} records`);
}
