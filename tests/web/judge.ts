/** Asks the page's verifier what a test wants to know: values of JSON in, a value of JSON out. */

import { fromBase64 } from "../../attest/web/verify/ground/bytes.ts";
import { AttestError } from "../../attest/web/verify/ground/errors.ts";
import { PublicKey } from "../../attest/web/verify/signing/keys.ts";
import { parseRootFile } from "../../attest/web/verify/signing/root.ts";
import { Trust } from "../../attest/web/verify/signing/trust.ts";
import { parsePack } from "../../attest/web/verify/statement/pack.ts";
import { type Anchors, type Given, type Verification, verify } from "../../attest/web/verify/verify.ts";

/** Files are base64. A pack stands in the place of a bundle and a proof. */
export interface Request {
  readonly bundle: string;
  readonly pack: string | null;
  readonly at: number;
  readonly keys: readonly string[];
  readonly trustRoot: string | null;
  readonly nextRoots: readonly string[];
  readonly proof: string | null;
  readonly previous: string | null;
  readonly files: Readonly<Record<string, string>>;
  readonly nonce: string | null;
  readonly windowNonce: string | null;
  readonly custodians: Readonly<Record<string, string>>;
}

type Step = Pick<Verification["steps"][number], "number" | "status" | "beyond">;

export type Answer =
  | {
      readonly steps: readonly Step[];
      readonly code: string | null;
      readonly message: string | null;
    }
  | { readonly crash: string };

/** What the page says. A crash is what must not leave it: an error that is not its own. */
export function judge(request: Request): Answer {
  try {
    const files = filesOf(request);
    if (files instanceof AttestError) return ended(files, [{ number: 0, status: "FAILED", beyond: false }]);
    const { steps, error } = verified(request, files);
    const told = steps.map(({ number, status, beyond }) => ({ number, status, beyond }));
    return error === null ? { steps: told, code: null, message: null } : ended(error, told);
  } catch (error) {
    // A key or a trust root that cannot be read ends it before the first step.
    if (error instanceof AttestError) return ended(error, []);
    return { crash: error instanceof Error ? `${error.message}\n${error.stack}`.slice(0, 4000) : String(error) };
  }
}

function ended({ code, message }: AttestError, steps: readonly Step[]): Answer {
  return { steps, code, message };
}

function filesOf({ pack, bundle, proof }: Request): Pick<Given, "bundle" | "proof"> | AttestError {
  if (pack === null) return { bundle: fromBase64(bundle), proof: orNull(proof) };
  try {
    return parsePack(fromBase64(pack));
  } catch (error) {
    if (error instanceof AttestError) return error;
    throw error;
  }
}

function verified(request: Request, files: Pick<Given, "bundle" | "proof">): Verification {
  const laterRoots = request.nextRoots.map(fromBase64);
  const anchors = anchorsOf(request);
  laterRoots.forEach(parseRootFile);
  return verify({
    ...files,
    anchors,
    laterRoots,
    previous: orNull(request.previous),
    files: new Map(Object.entries(request.files).map(([name, file]) => [name, fromBase64(file)])),
    now: request.at,
    known: {
      nonce: request.nonce,
      windowNonce: request.windowNonce,
      custodians: new Map(
        Object.entries(request.custodians).map(([name, key]) => [name, PublicKey.fromPem(fromBase64(key), name)]),
      ),
    },
  });
}

function anchorsOf({ trustRoot, keys }: Request): Anchors {
  const trusted = keys.map((key) => PublicKey.fromPem(fromBase64(key), "a key"));
  if (trustRoot === null) return { kind: "keys", keys: trusted, threshold: 1 };
  return { kind: "trust root", trust: Trust.pin(fromBase64(trustRoot)) };
}

function orNull(file: string | null): Uint8Array | null {
  return file === null ? null : fromBase64(file);
}
