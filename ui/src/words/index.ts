// The catalogue in use. Another language is another object of type `Words`, and its locale.
import { en, type Words } from "./en";

export const words: Words = en;
export * from "./figures";
