/** Entry point: a page starts the viewer by its setup, a notebook by `render`. */
import "./style.css";
import { create } from "./stage/index";
import { startPage } from "./start";
import { makeRender } from "./widget";

export default { render: makeRender(create) };

void startPage(create);
