// The token of a protected page.

import * as api from "./api.js";
import { byId, say } from "./dom.js";

/** Ask for the token until it is right; then `entered()`. */
export function askForToken(entered) {
  const dialog = byId("login");
  if (!dialog.open) dialog.showModal();
  byId("login-form").onsubmit = async (event) => {
    event.preventDefault();
    try {
      await api.logIn(byId("token").value.trim());
      byId("token").value = "";
      byId("login-error").textContent = "";
      dialog.close();
      entered();
    } catch (error) {
      byId("login-error").textContent = error.message || say("token_wrong");
    }
  };
}
