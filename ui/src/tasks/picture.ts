// An image item as something that can be shown at its own size: by its address, or painted from its pixels.

export interface Picture {
  url: string;
  width: number;
  height: number;
  release: () => void;
}

type Pixel = number | [number, number, number];

export async function picture(value: Record<string, unknown>): Promise<Picture> {
  if (Array.isArray(value.pixels)) return painted(value.pixels as Pixel[][], value.ink === true);
  const url = String(value.url ?? "");
  const image = new Image();
  image.src = url;
  await image.decode();
  return { url, width: image.naturalWidth, height: image.naturalHeight, release: () => undefined };
}

async function painted(rows: Pixel[][], ink: boolean): Promise<Picture> {
  const [width, height] = [rows[0]?.length ?? 1, rows.length];
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d")!;
  const data = pen.createImageData(width, height);
  rows.flat().forEach((pixel, n) => {
    const [r, g, b] = Array.isArray(pixel) ? pixel : Array<number>(3).fill(ink ? 255 - pixel : pixel);
    data.data.set([r!, g!, b!, 255], 4 * n);
  });
  pen.putImageData(data, 0, 0);
  const blob = await new Promise<Blob>((done, fail) => canvas.toBlob((made) => (made ? done(made) : fail(new Error("no picture")))));
  const url = URL.createObjectURL(blob);
  return { url, width, height, release: () => URL.revokeObjectURL(url) };
}
