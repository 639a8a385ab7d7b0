/** The bundle's arrays as typed arrays. All numbers are little-endian. */
import type { ArrayFile } from "../contract";
import type { Source } from "../source";
import { SourceError } from "../sources/error";

const KINDS = {
  float32: Float32Array<ArrayBuffer>,
  float64: Float64Array<ArrayBuffer>,
  int8: Int8Array<ArrayBuffer>,
  uint16: Uint16Array<ArrayBuffer>,
  uint32: Uint32Array<ArrayBuffer>,
};

type Dtype = ArrayFile["dtype"];
type ArrayOf<D extends Dtype> = InstanceType<(typeof KINDS)[D]>;

/** The arrays that the first frame needs. */
export interface Arrays {
  /** shape (n, n_dimensions) */
  readonly positions: Float32Array;
  /** shape (n,) */
  readonly ids: Uint32Array;
  /** shape (n,); null without labels */
  readonly classes: Uint16Array | null;
  /** Column and row in the grid, shape (n, 2), read on the first call; null without a grid. */
  grid(): Promise<Uint16Array> | null;
}

/** The size of an array's file in bytes. */
export function countBytes({ shape, dtype }: ArrayFile): number {
  return shape.reduce((product, side) => product * side, KINDS[dtype].BYTES_PER_ELEMENT);
}

/** Read a whole array. Throws a SourceError if its size or dtype differs from the manifest. */
export async function readArray<D extends Dtype>(
  source: Source,
  file: ArrayFile,
  dtype: D,
): Promise<ArrayOf<D>> {
  const kind = KINDS[dtype];
  if (file.dtype !== dtype) {
    throw new SourceError(
      `${file.file} must be of ${dtype}; got ${file.dtype}. Make the map again.`,
    );
  }
  const bytes = await source.read(file.file);
  if (bytes.byteLength !== countBytes(file)) {
    throw new SourceError(
      `${file.file} must hold ${countBytes(file)} bytes; got ${bytes.byteLength}. The map is incomplete: copy it again, or make it again.`,
    );
  }
  return new kind(bytes) as ArrayOf<D>;
}

export async function loadArrays(source: Source): Promise<Arrays> {
  const { positions, ids, class_codes, grid } = source.manifest;
  const [at, id, codes] = await Promise.all([
    readArray(source, positions, "float32"),
    readArray(source, ids, "uint32"),
    class_codes ? readArray(source, class_codes, "uint16") : null,
  ]);
  let cells: Promise<Uint16Array> | undefined;
  return {
    positions: at,
    ids: id,
    classes: codes,
    grid() {
      if (!grid) return null;
      cells ??= readArray(source, grid.cells, "uint16").catch((error) => {
        cells = undefined; // a later call reads again
        throw error;
      });
      return cells;
    },
  };
}
