// What is seen of an image, and what a hand does on it: arithmetic alone, no page.

export interface View {
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Box {
  label: string;
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface Outline {
  label: string;
  points: [number, number][];
}
export type Shape = Box | Outline;
export type Point = [number, number];

const most = 16;

export const whole = (width: number, height: number): View => ({ x: 0, y: 0, width, height });

/** The view closer by a factor, with one point of the image staying where it is; never beyond the image. */
export function zoomed(view: View, size: Point, factor: number, [x, y]: Point): View {
  const width = Math.min(size[0], Math.max(size[0] / most, view.width / factor));
  const scale = width / view.width;
  return kept({ x: x - (x - view.x) * scale, y: y - (y - view.y) * scale, width, height: view.height * scale }, size);
}

export const moved = (view: View, size: Point, [dx, dy]: Point): View => kept({ ...view, x: view.x + dx, y: view.y + dy }, size);

function kept(view: View, [width, height]: Point): View {
  return {
    ...view,
    x: Math.min(Math.max(0, view.x), Math.max(0, width - view.width)),
    y: Math.min(Math.max(0, view.y), Math.max(0, height - view.height)),
  };
}

export const round = (value: number): number => Math.round(value * 10) / 10;

/** The box between two corners, within the image. */
export function between([ax, ay]: Point, [bx, by]: Point, [width, height]: Point, label: string): Box {
  const [x0, x1] = [Math.min(ax, bx), Math.max(ax, bx)].map((x) => round(Math.min(width, Math.max(0, x)))) as Point;
  const [y0, y1] = [Math.min(ay, by), Math.max(ay, by)].map((y) => round(Math.min(height, Math.max(0, y)))) as Point;
  return { label, x: x0, y: y0, width: round(x1 - x0), height: round(y1 - y0) };
}

/** A shape moved, as far as the image goes. */
export function shifted(shape: Shape, dx: number, dy: number, [width, height]: Point): Shape {
  const points: Point[] = "points" in shape ? shape.points : [[shape.x, shape.y], [shape.x + shape.width, shape.y + shape.height]];
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)];
  const mx = Math.max(-Math.min(...xs), Math.min(dx, width - Math.max(...xs)));
  const my = Math.max(-Math.min(...ys), Math.min(dy, height - Math.max(...ys)));
  if ("points" in shape) return { ...shape, points: shape.points.map(([x, y]) => [round(x + mx), round(y + my)]) };
  return { ...shape, x: round(shape.x + mx), y: round(shape.y + my) };
}

/** A box with its lower right corner moved; at least one pixel of it stays. */
export function resized(box: Box, dx: number, dy: number, [width, height]: Point): Box {
  return {
    ...box,
    width: round(Math.min(width - box.x, Math.max(1, box.width + dx))),
    height: round(Math.min(height - box.y, Math.max(1, box.height + dy))),
  };
}

/** The corners and the middles of the sides of a box, as shares of its width and height. */
export const handles: readonly Point[] = [[0, 0], [0.5, 0], [1, 0], [1, 0.5], [1, 1], [0.5, 1], [0, 1], [0, 0.5]];

/** A box after one of its handles was drawn to a point. */
export function drawn(box: Box, [hx, hy]: Point, [x, y]: Point, size: Point): Box {
  const left = hx === 0 ? x : box.x;
  const right = hx === 1 ? x : box.x + box.width;
  const top = hy === 0 ? y : box.y;
  const bottom = hy === 1 ? y : box.y + box.height;
  return between([left, top], [right, bottom], size, box.label);
}

export function insideOf(shape: Shape, [x, y]: Point): boolean {
  if (!("points" in shape)) return x >= shape.x && x <= shape.x + shape.width && y >= shape.y && y <= shape.y + shape.height;
  let inside = false;
  const { points } = shape;
  for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
    const [ax, ay] = points[i]!;
    const [bx, by] = points[j]!;
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) inside = !inside;
  }
  return inside;
}

export const sizeOf = (shape: Shape): number =>
  "points" in shape
    ? Math.abs(shape.points.reduce((sum, [x, y], i) => sum + x * shape.points[(i + 1) % shape.points.length]![1] - shape.points[(i + 1) % shape.points.length]![0] * y, 0)) / 2
    : shape.width * shape.height;
