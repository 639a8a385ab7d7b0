/** Decoded images on the GPU: a texture array whose layers are divided into slots of one size. */

/** Side of a layer in texels: the least maximum that WebGL 2 allows is 2,048. */
export const LAYER_SIDE = 1024;

/** Position of an image in the texture, in texels. */
export interface Slot {
  readonly layer: number;
  readonly x: number;
  readonly y: number;
  width: number;
  height: number;
}

/** The slots of one size. The least recently used slot is replaced. */
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
      this.used.delete(item); // most recently used last
      this.used.set(item, slot);
    }
    return slot;
  }

  has(item: number): boolean {
    return this.used.has(item);
  }

  private get across(): number {
    return Math.floor(LAYER_SIDE / this.slotPx);
  }

  get room(): number {
    return this.across ** 2 * this.layers;
  }

  take(item: number): Slot {
    const { across } = this;
    let slot: Slot;
    if (this.next < this.room) {
      const number = this.next++;
      slot = {
        layer: this.firstLayer + Math.floor(number / (across * across)),
        x: (number % across) * this.slotPx,
        y: (Math.floor(number / across) % across) * this.slotPx,
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

  /** A shelf has `layers` layers of 1,024 x 1,024 texels for images of up to `slotPx` pixels. */
  constructor(
    private readonly gl: WebGL2RenderingContext,
    shelves: readonly { readonly slotPx: number; readonly layers: number }[],
  ) {
    let layers = 0;
    this.shelves = shelves.map((shelf) => {
      layers += shelf.layers;
      return new Shelf(shelf.slotPx, layers - shelf.layers, shelf.layers);
    });
    this.texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D_ARRAY, this.texture);
    gl.texStorage3D(gl.TEXTURE_2D_ARRAY, 1, gl.RGBA8, LAYER_SIDE, LAYER_SIDE, layers);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
  }

  /** The number of images that a shelf can hold. */
  room(shelf: number): number {
    return this.shelves[shelf]!.room;
  }

  has(shelf: number, item: number): boolean {
    return this.shelves[shelf]!.has(item);
  }

  /** An item's image in `shelf`, or else the largest that the atlas holds. */
  find(shelf: number, item: number): Slot | undefined {
    let slot = this.shelves[shelf]?.get(item);
    for (let other = this.shelves.length - 1; !slot && other >= 0; other--) {
      slot = this.shelves[other]!.get(item);
    }
    return slot;
  }

  put(shelf: number, item: number, image: ImageBitmap): void {
    const { gl } = this;
    const slot = this.shelves[shelf]!.take(item);
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
