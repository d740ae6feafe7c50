/** Errors about one record name it. */

import type { AnyRecord } from "../evidence/records.ts";
import { AttestError, failed } from "../ground/errors.ts";

/** Run a check of a record: whatever is wrong with evidence, it does not hold. */
export function naming<T>(index: number, record: AnyRecord, check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof AttestError) throw failed(error.code, `record ${index} (${subject(record)}): ${error.message}`);
    throw error;
  }
}

function subject(record: AnyRecord): string {
  switch (record.type) {
    case "control":
    case "control-contract":
      return `${record.type} of wallet ${record.wallet}`;
    case "custody-confirmation":
      return `${record.type} of ${record.confirmation.custodian}`;
    case "control-block":
      return `${record.type} of ${record.chain}`;
    default:
      return record.type;
  }
}
