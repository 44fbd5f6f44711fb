import { expect, test } from "vitest";
import { pageOf, paths } from "../src/route.svelte";

const page = (path: string) => pageOf(new URL(path, "http://querist.example"));

test("each address names one page, and the way there and back is the same", () => {
  expect(page(paths.projects)).toEqual({ name: "projects" });
  expect(page("/")).toEqual({ name: "projects" });
  expect(page(paths.people)).toEqual({ name: "people" });
  expect(page(paths.account)).toEqual({ name: "account" });
  expect(page("/account/x")).toEqual({ name: "nowhere" });
  expect(page(paths.create)).toEqual({ name: "create" });
  expect(page(paths.overview("a b"))).toEqual({ name: "overview", project: "a b" });
  expect(page(paths.label("p1"))).toEqual({ name: "label", project: "p1" });
  expect(page(paths.items("p1"))).toEqual({ name: "items", project: "p1", item: null });
  expect(page(paths.items("p1", "x/y.png"))).toEqual({ name: "items", project: "p1", item: "x/y.png" });
  expect(page("/p/p1/nothing")).toEqual({ name: "nowhere" });
  expect(page("/p/%E0%A4%A")).toEqual({ name: "overview", project: "%E0%A4%A" });
  expect(page("/admin")).toEqual({ name: "nowhere" });
});

test("signing in leads back inside, and never elsewhere", () => {
  expect(page(paths.signIn("/p/p1/label?a=1"))).toMatchObject({ next: "/p/p1/label?a=1" });
  expect(page("/sign-in?token=abc")).toMatchObject({ token: "abc", next: "/projects" });
  for (const evil of ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
    expect(page(`/sign-in?next=${encodeURIComponent(evil)}`)).toMatchObject({ next: "/projects" });
});
