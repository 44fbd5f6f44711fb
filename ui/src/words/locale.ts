/** The languages that there is a catalogue of. */
export const languages = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof languages;

function chosen(): Language {
  const kept = typeof localStorage === "undefined" ? null : localStorage.getItem("language");
  return kept !== null && kept in languages ? (kept as Language) : "en";
}

/** The language of this page; another choice takes effect with the next page. */
export const language: Language = chosen();

/** The locale of the catalogue in use: figures and plurals follow it, whatever the browser's own. */
export const locale: string = { en: "en-GB", de: "de-DE" }[language];
