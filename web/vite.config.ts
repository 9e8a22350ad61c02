import { defineConfig } from "vite";

export default defineConfig({
  base: "./",
  build: { outDir: "../keras_landmarks/page", emptyOutDir: true, assetsInlineLimit: 0 },
  worker: { format: "es" },
});
