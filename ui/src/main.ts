import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/source-serif-4/wght.css";
import "@fontsource-variable/source-serif-4/wght-italic.css";
import "./styles/tokens.css";
import "./styles/components.css";
import { mount } from "svelte";
import App from "./app.svelte";
import { language } from "./words";

document.documentElement.lang = language;

mount(App, { target: document.getElementById("app")! });
