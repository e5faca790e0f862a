// Mouse, pen and fingers on a canvas, as gestures: one pointer drags, two zoom and move, none only hovers.

/**
 * Call the handlers that are there: begin, drag and end with {x, y, fx, fy, shift, ctrl, alt, button, isTouch} (units and
 * fractions of the canvas), cancel without, hover and leave, pinch({x, y, factor, dx, dy}), wheel({x, y, fx, dx, dy, shift}).
 * `isActive` says whether the wheel is meant for the canvas rather than for the graph around it.
 */
export function onPointers(canvas, handlers, isActive) {
  const down = new Map();
  let dragging = null;
  const place = (event) => {
    const box = canvas.getBoundingClientRect(); // as it is seen, at any zoom
    const [fx, fy] = [(event.clientX - box.left) / (box.width || 1), (event.clientY - box.top) / (box.height || 1)];
    const { shiftKey: shift, altKey: alt, button } = event;
    const ctrl = event.ctrlKey || event.metaKey;
    return { fx, fy, x: fx * canvas.clientWidth, y: fy * canvas.clientHeight, shift, alt, ctrl, button, isTouch: event.pointerType === "touch" };
  };
  const on = (type, run, options) => canvas.addEventListener(type, (event) => {
    event.stopPropagation();
    run(event);
  }, options);

  on("pointerdown", (event) => {
    if (event.button > 1) return;
    event.preventDefault(); // no scrolling by the middle button, no selection of text
    try {
      canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is gone already, as tests make them
    }
    down.set(event.pointerId, place(event));
    if (down.size === 1) {
      dragging = event.pointerId;
      handlers.begin?.(place(event));
    } else if (dragging !== null) {
      dragging = null;
      handlers.cancel?.();
    }
  });
  on("pointermove", (event) => {
    const now = place(event);
    if (!down.has(event.pointerId)) return void handlers.hover?.(now);
    if (down.size === 2) pinch(down, event.pointerId, now, handlers);
    down.set(event.pointerId, now);
    if (event.pointerId === dragging) handlers.drag?.(now);
  });
  const up = (run) => (event) => {
    if (event.pointerId === dragging) {
      dragging = null;
      run(place(event));
    }
    down.delete(event.pointerId);
  };
  on("pointerup", up((at) => handlers.end?.(at)));
  on("pointercancel", up(() => handlers.cancel?.()));
  on("pointerleave", () => handlers.leave?.());
  canvas.addEventListener("wheel", (event) => {
    if (!isActive()) return; // it zooms the graph
    event.preventDefault();
    event.stopPropagation();
    handlers.wheel?.({ ...place(event), dx: event.deltaX, dy: event.deltaY });
  }, { passive: false });
}

/** Two fingers: how much further apart they are, and how far their middle has gone. */
function pinch(down, id, now, handlers) {
  const [[other], before] = [[...down].filter(([each]) => each !== id).map(([, at]) => at), down.get(id)];
  const apart = (at) => Math.max(1, Math.hypot(at.x - other.x, at.y - other.y));
  handlers.pinch?.({
    x: (now.x + other.x) / 2,
    y: (now.y + other.y) / 2,
    factor: apart(now) / apart(before),
    dx: (now.x - before.x) / 2,
    dy: (now.y - before.y) / 2,
  });
}
