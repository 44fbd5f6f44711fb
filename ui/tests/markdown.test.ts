import { expect, test } from "vitest";
import { linkOf } from "../src/parts/markdown";

test("only pages and mail addresses are links", () => {
  expect(linkOf("https://example.org/a")).toBe("https://example.org/a");
  expect(linkOf("mailto:ann@example.org")).toBe("mailto:ann@example.org");
  for (const url of ["javascript:alert(1)", " JaVaScRiPt:alert(1)", "data:text/html,x", "/api/v1/me", "//evil.example", ""])
    expect(linkOf(url)).toBeNull();
});
