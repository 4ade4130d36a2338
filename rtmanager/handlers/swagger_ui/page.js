"use strict";

const place = document.querySelector("#swagger-ui");
const isDark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", isDark.matches);

// What the API is, and behind it, folded, everything from the first heading on.
const Introduction = ({ React }) => ({ info, getComponent }) => {
  const Markdown = getComponent("Markdown", true);
  const text = info.get("description") ?? "";
  const heading = text.search(/^### /m);
  const first = heading < 0 ? text : text.slice(0, heading);
  const node = React.createElement;
  return node("section", { className: "info", "aria-labelledby": "title" },
    node("h2", { className: "title", id: "title" }, info.get("title")),
    node(Markdown, { source: first }),
    heading >= 0 && node("details", {},
      node("summary", {}, "How this API works"),
      node(Markdown, { source: text.slice(heading) })));
};

const Page = (system) => ({
  components: { info: Introduction(system), ServersContainer: () => null },
});

SwaggerUIBundle({
  domNode: place,
  url: place.dataset.spec,
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
  plugins: [Page],
});
colour();
isDark.addEventListener("change", colour);
