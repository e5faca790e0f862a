// The colours of the timeline and of the player: what is given, generated and chosen looks the same on both.

export const COLORS = {
  given: "#a8acb2",
  generated: "#f08014",
  partly: "#cc9660",
  selected: "#4aa3ff",
  empty: "#33363b",
  ground: "#26282c", // beneath the stripes: what is generated is not shown
  shape: "#e9c46a",
};
