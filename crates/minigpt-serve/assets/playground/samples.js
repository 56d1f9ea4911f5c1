// Texts to begin with, each of which shows something.

export const SAMPLES = [
  { name: "a fact", text: "The capital of France is" },
  { name: "a repetition", text: "Mr. Darcy met Elizabeth in the garden. Later that day Mr. Darcy met" },
  { name: "a novel", text: "It is a truth universally acknowledged, that a single man in possession of a good fortune, must be in want of a" },
  { name: "grammar", text: "The keys to the old wooden cabinet" },
];
