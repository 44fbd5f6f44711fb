// A finger drawn across the stage, left or right; a mouse does not swipe, and neither does selecting text.
const far = 72;

export function swipes(node: HTMLElement, then: (direction: "left" | "right") => void) {
  let from: Touch | null = null;
  const begin = (event: TouchEvent) => (from = event.touches.length === 1 ? event.touches[0]! : null);
  const end = (event: TouchEvent) => {
    const to = event.changedTouches[0];
    if (!from || !to || getSelection()?.toString()) return;
    const [dx, dy] = [to.clientX - from.clientX, to.clientY - from.clientY];
    from = null;
    if (Math.abs(dx) > far && Math.abs(dy) < Math.abs(dx) / 2) then(dx < 0 ? "left" : "right");
  };
  node.addEventListener("touchstart", begin, { passive: true });
  node.addEventListener("touchend", end, { passive: true });
  return {
    update(next: (direction: "left" | "right") => void) {
      then = next;
    },
    destroy() {
      node.removeEventListener("touchstart", begin);
      node.removeEventListener("touchend", end);
    },
  };
}
