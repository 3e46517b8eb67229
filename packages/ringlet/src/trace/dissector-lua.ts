/** The part of the dissector that is the same whatever is declared: it takes a record apart as `decodeLayout` does. */
export const DISSECTOR_LUA = `
local MOST_DEPTH, MOST_TIMES, MOST_LAYOUTS, PAGE = 16, 256, 512, 4096

local ringlet = Proto("ringlet", "Ringlet trace")
local abbreviations, fields = {}, {}

local function declare(layout, row)
  local abbreviation = "ringlet." .. layout .. "." .. row.name
  if fields[abbreviation] then return end
  local kind, make = row.kind, nil
  if kind == "guid" then make = ProtoField.guid(abbreviation, row.name)
  elseif kind == "utf16" or kind == "utf8" or kind == "ascii" then make = ProtoField.string(abbreviation, row.name)
  elseif kind == "bytes" then make = ProtoField.bytes(abbreviation, row.name)
  else
    local width = (row.element or row.size) * 8
    local shown = (row.bits or width == 64) and base.HEX or base.DEC
    if kind == "int" then shown = base.DEC end
    local names = width < 64 and row.names or nil
    local mask = nil
    if row.width then
      shown = base.DEC
      if width < 64 then mask = (2 ^ row.width - 1) * 2 ^ row.bit end
    end
    make = ProtoField[(kind == "int" and "int" or "uint") .. width](abbreviation, row.name, shown, names, mask)
  end
  fields[abbreviation] = make
  abbreviations[#abbreviations + 1] = make
end

local titles = {}
for name, layout in pairs(layouts) do
  titles[name] = ProtoField.none("ringlet." .. name, name)
  abbreviations[#abbreviations + 1] = titles[name]
  for _, row in ipairs(layout.fields) do declare(name, row) end
  if layout.tail then declare(name, layout.tail) end
end
ringlet.fields = abbreviations

local function guid_text(range)
  local text = {}
  for i = 0, 15 do text[i] = string.format("%02x", range(i, 1):uint()) end
  return text[3] .. text[2] .. text[1] .. text[0] .. "-" .. text[5] .. text[4] .. "-" .. text[7] .. text[6] ..
    "-" .. text[8] .. text[9] .. "-" .. text[10] .. text[11] .. text[12] .. text[13] .. text[14] .. text[15]
end

local function text_of(range, unit)
  local length = range:len()
  for at = 0, length - unit, unit do
    local zero = range(at, unit):le_uint() == 0
    if zero then
      if at == 0 then return "" end
      local part = range(0, at)
      return unit == 2 and part:le_ustring() or part:string()
    end
  end
  return unit == 2 and range:le_ustring() or range:string()
end

local function has(value, mask)
  if mask == 0 then return false end
  while mask > 0 do
    if mask % 2 == 1 and value % 2 < 1 then return false end
    mask, value = math.floor(mask / 2), math.floor(value / 2)
  end
  return true
end

local function number_of(range, row)
  local size = range:len()
  if size == 8 then return (row.bigEndian and range:uint64() or range:le_uint64()):tonumber() end
  if row.kind == "int" then return row.bigEndian and range:int() or range:le_int() end
  return row.bigEndian and range:uint() or range:le_uint()
end

-- Adds a field to the tree. Returns its value, as far as others choose by it, and what it is called.
local function add(tree, layout, row, range)
  local field = fields["ringlet." .. layout .. "." .. row.name]
  local kind = row.kind
  if kind == "guid" then
    tree:add_le(field, range)
    return guid_text(range)
  elseif kind == "utf16" or kind == "utf8" then
    local value = text_of(range, kind == "utf16" and 2 or 1)
    tree:add(field, range, value)
    return value
  elseif kind == "ascii" then
    local value = text_of(range, 1):gsub(" +$", "")
    tree:add(field, range, value)
    return value
  elseif kind == "bytes" then
    tree:add(field, range)
    return nil
  elseif kind == "list" then
    for at = 0, range:len() - row.element, row.element do tree:add_le(field, range(at, row.element)) end
    return nil
  elseif row.width and range:len() == 8 then
    local own = row.bigEndian and range:uint64() or range:le_uint64()
    own = own:lshift(64 - row.bit - row.width):rshift(64 - row.width)
    tree:add(field, range, own)
    return own:tonumber()
  end
  local item = row.bigEndian and tree:add(field, range) or tree:add_le(field, range)
  local value = number_of(range, row)
  if row.width then value = math.floor(value / 2 ^ row.bit) % 2 ^ row.width end
  local called = row.names and row.names[value]
  if row.bits then
    local set = {}
    for _, bit in ipairs(row.bits) do
      if has(value, bit[1]) then set[#set + 1] = bit[2] end
    end
    if #set > 0 then
      called = table.concat(set, "|")
      item:append_text(" (" .. called .. ")")
    end
  end
  return value, called
end

local function place_of(place, own)
  local value = place.field and tonumber(own[place.field]) or 0
  return value * (place.times or 1) + (place.plus or 0)
end

local function times_of(times, own)
  if times == nil then return 1 end
  if times == "rest" then return MOST_TIMES end
  if times.pages then
    local touched = (tonumber(own[times.pages.length]) or 0) + (tonumber(own[times.pages.offset]) or 0)
    return math.min(MOST_TIMES, math.ceil(touched / PAGE))
  end
  return math.min(MOST_TIMES, place_of(times, own))
end

local function applies(case, own, left)
  if left < (case.atLeast or 0) then return false end
  for _, condition in ipairs(case.when or {}) do
    local found = false
    for _, value in ipairs(condition[2]) do
      if own[condition[1]] == value then found = true end
    end
    if not found then return false end
  end
  return true
end

local function dissect(tvb, tree, info)
  local count = 0
  local function inside(outer) return setmetatable({}, { __index = outer }) end
  local function decode(name, start, limit, own, parent, depth)
    local layout = layouts[name]
    if layout == nil or depth > MOST_DEPTH or count >= MOST_LAYOUTS then return limit end
    count = count + 1
    local branch = parent
    if depth > 0 and start < limit then
      local shown = layout.tail and limit - start or math.max(layout.size, 1)
      branch = parent:add(titles[name], tvb(start, math.min(shown, limit - start)))
      branch:append_text(" (" .. layout.title .. ")")
    end
    for index, row in ipairs(layout.fields) do
      local at = start + row.at
      if row.size > 0 and at + row.size <= limit then
        local value, called = add(branch, name, row, tvb(at, row.size))
        if value ~= nil then own[row.name] = value end
        if index == 1 and depth > 0 and called and not layout.quiet then info[#info + 1] = called end
      end
    end
    if layout.tail then
      local left = math.max(0, limit - start - layout.size)
      local size = left - left % (layout.tail.kind == "utf16" and 2 or layout.tail.element or 1)
      if size > 0 then
        local value = add(branch, name, layout.tail, tvb(start + layout.size, size))
        if value ~= nil then own[layout.tail.name] = value end
      end
      return limit
    end
    local stop = math.min(start + layout.size, limit)
    for _, part in ipairs(layout.parts) do
      for _, case in ipairs(part) do
        if applies(case, own, limit - stop) then
          local begin = case.at and start + place_of(case.at, own) or stop
          if begin >= start and begin <= limit then
            local length = case.length and place_of(case.length, own) or limit - begin
            local last = math.min(limit, begin + math.max(0, length))
            local at = begin
            for i = 1, times_of(case.times, own) do
              if (case.times ~= nil or case.length ~= nil or i > 1) and at >= last then break end
              at = decode(case.layout, at, last, case.known and own or inside(own), branch, depth + 1)
            end
            stop = case.length and last or at
          end
          break
        end
      end
    end
    return stop
  end
  decode(root, 0, tvb:len(), {}, tree, 0)
end

function ringlet.dissector(tvb, pinfo, tree)
  pinfo.cols.protocol = "RINGLET"
  local info = {}
  dissect(tvb, tree:add(ringlet, tvb()), info)
  if tvb:len() >= 80 then
    local device = text_of(tvb(44, 36), 1)
    local from = tvb(2, 1):uint() == 0 and "guest" or "root"
    pinfo.cols.src = from
    pinfo.cols.dst = from == "guest" and "root" or "guest"
    if device ~= "" then table.insert(info, 1, device .. ":") end
  end
  pinfo.cols.info = table.concat(info, " ")
end

DissectorTable.get("wtap_encap"):add((wtap_encaps or wtap).USER0, ringlet)
`;
