/** Errors about a record name it: by its index, its type, and the balance that it is of. */

import { AttestError, failed } from "../ground/errors.ts";
import type { RecordFields } from "./record.ts";

/** Run `check`, and name the record in an error about it. */
export function naming<T>(index: number, record: RecordFields, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    throw failed(error.code, `record ${index} (${subjectOf(record)}): ${error.message}`);
  }
}

function subjectOf(record: RecordFields): string {
  const window = "window" in record ? record.window : null;
  const where = window === null ? "" : ` at block ${window}`;
  const of = "asset" in record && "wallet" in record ? `, ${record.asset} of wallet ${record.wallet}` : "";
  return `${record.type}${of}${where}`;
}
