import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

// The pages are served by the Python service under a strict content security policy: no inline script or style, and
// no data: URLs, hence no inlined assets. In development the service (or ui/dev/mock.py) answers /api.
export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../src/querist/server/static",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2023",
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
  },
  server: { port: 5173, proxy: { "/api": "http://127.0.0.1:8799" } },
  test: { include: ["tests/**/*.test.ts"], environment: "node", css: true },
});
