/** Decoded images on the GPU: one texture of many layers, each cut into slots of one size. */

const SIDE = 1024;

/** Where an image lies in the texture: texels. */
export interface Slot {
  readonly layer: number;
  readonly x: number;
  readonly y: number;
  width: number;
  height: number;
}

/** The slots of one size: the least recently used gives its place. */
class Shelf {
  private readonly used = new Map<number, Slot>();
  private next = 0;

  constructor(
    private readonly slotPx: number,
    private readonly firstLayer: number,
    private readonly layers: number,
  ) {}

  get(item: number): Slot | undefined {
    const slot = this.used.get(item);
    if (slot) {
      this.used.delete(item); // a Map keeps the order of insertion: last used, last in
      this.used.set(item, slot);
    }
    return slot;
  }

  has(item: number): boolean {
    return this.used.has(item);
  }

  private get across(): number {
    return Math.floor(SIDE / this.slotPx);
  }

  get room(): number {
    return this.across ** 2 * this.layers;
  }

  take(item: number): Slot {
    const { across } = this;
    let slot: Slot;
    if (this.next < this.room) {
      const place = this.next++;
      slot = {
        layer: this.firstLayer + Math.floor(place / (across * across)),
        x: (place % across) * this.slotPx,
        y: (Math.floor(place / across) % across) * this.slotPx,
        width: 0,
        height: 0,
      };
    } else {
      const [oldest, freed] = this.used.entries().next().value as [number, Slot];
      this.used.delete(oldest);
      slot = freed;
    }
    this.used.set(item, slot);
    return slot;
  }
}

export class Atlas {
  readonly texture: WebGLTexture;
  private readonly shelves: readonly Shelf[];

  /** `layersEach` layers of 1,024 x 1,024 texels for each of the packs' sizes. */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    sizes: readonly number[],
    layersEach: number,
  ) {
    this.shelves = sizes.map((size, i) => new Shelf(size, i * layersEach, layersEach));
    const layers = Math.max(1, sizes.length * layersEach);
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, SIDE, SIDE, layers);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /** How many images of a pack it holds at once. */
  room(pack: number): number {
    return this.shelves[pack]!.room;
  }

  has(pack: number, item: number): boolean {
    return this.shelves[pack]!.has(item);
  }

  /** An item's image: of `pack` where it is here, else of the largest pack that is. */
  find(pack: number, item: number): Slot | undefined {
    let slot = this.shelves[pack]?.get(item);
    for (let other = this.shelves.length - 1; !slot && other >= 0; other--) {
      slot = this.shelves[other]!.get(item);
    }
    return slot;
  }

  put(pack: number, item: number, image: ImageBitmap): void {
    const { gl } = this;
    const slot = this.shelves[pack]!.take(item);
    slot.width = image.width;
    slot.height = image.height;
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.texture);
    gl.texSubImage3D(
      gl.TEXTURE_2D_ARRAY,
      0,
      slot.x,
      slot.y,
      slot.layer,
      slot.width,
      slot.height,
      1,
      gl.RGBA,
      gl.UNSIGNED_BYTE,
      image,
    );
  }
}
