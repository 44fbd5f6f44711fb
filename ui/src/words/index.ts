// The catalogue in use. Another language is an object in the shape of `Words`; a word that it lacks stays English.
import { de } from "./de";
import { en, type Words } from "./en";
import { filled } from "./filled";
import { language } from "./locale";

export const words: Words = language === "de" ? filled<Words>(en, de) : en;
export * from "./figures";
export { language, languages, type Language } from "./locale";
