/** The language of the catalogue in use: figures and plurals follow it, whatever the browser's own. */
export const locale = "en-GB";
