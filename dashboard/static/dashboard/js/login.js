/** The login page: the first page after it shows times in the right zone already. */
import { rememberZone } from "./cookies.js";

rememberZone();
